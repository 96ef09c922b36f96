"""Files come in here: checked, probed, stored, told about. Order links say who may send them."""
