FROM --nonsense=1 base
