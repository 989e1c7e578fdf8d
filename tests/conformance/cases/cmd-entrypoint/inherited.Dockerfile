FROM base AS one
CMD ["a"]
FROM one
ENTRYPOINT ["b"]
