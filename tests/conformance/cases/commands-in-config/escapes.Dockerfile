FROM base
CMD ["a\tb", "\u00e9\ud83d\ude00", "c\/d", "\"q\"", "\\"]
