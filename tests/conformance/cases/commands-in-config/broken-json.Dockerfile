FROM base
CMD ['a', "b"]
ENTRYPOINT ["a" "b"]
