"""Other people's methods as scripts of their own: each runs in an environment that facevae never imports."""
