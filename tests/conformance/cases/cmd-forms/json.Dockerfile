FROM base
ENV x=y
CMD ["$x", "a\tb\u00e9\ud83d\ude00", "\/\\\""]
ENTRYPOINT [ "a" , "b" ]
