"""Rate-distortion evaluation: real files, fresh decoders, published anchors."""
