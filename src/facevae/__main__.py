from facevae.cli import main

main()
