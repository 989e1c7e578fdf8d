FROM base AS one
CMD ["a"]
FROM one
CMD ["c"]
ENTRYPOINT ["b"]
