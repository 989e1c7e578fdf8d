FROM base
CMD ["a"
