FROM base
HEALTHCHECK --interval=1ms --timeout=1500us CMD x
