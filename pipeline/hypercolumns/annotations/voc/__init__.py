"""Data sets in the layout of PASCAL VOC: folders of masks, XML and lists."""
