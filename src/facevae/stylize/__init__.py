"""Artistic faces: after an artwork (transfer) or a folder of them (fit, decoder_style), in files (job)."""
