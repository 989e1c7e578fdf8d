FROM base IS one
