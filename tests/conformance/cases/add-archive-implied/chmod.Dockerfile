FROM base
ADD --chmod=711 things.tar /way/to/
