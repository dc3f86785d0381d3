"""Files of faces: photos in, prepared datasets out, batches to train on."""
