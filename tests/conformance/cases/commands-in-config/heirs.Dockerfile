FROM base AS one
CMD ["one"]
FROM one AS two
ENTRYPOINT ["two"]
FROM two
CMD three
