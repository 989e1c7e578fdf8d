FROM base
ENTRYPOINT ["a",]
