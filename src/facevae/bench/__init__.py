"""What facevae measures about itself and about other methods."""
