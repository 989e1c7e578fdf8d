FROM base
CMD ["a"]
ENTRYPOINT []
