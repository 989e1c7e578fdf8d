FROM base-of-cmd
ENTRYPOINT ["b"]
