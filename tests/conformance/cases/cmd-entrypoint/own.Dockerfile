FROM base
CMD ["a"]
ENTRYPOINT ["b"]
