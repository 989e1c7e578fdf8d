FROM base
ENTRYPOINT ["b"]
CMD ["a"]
