FROM base
CMD ["a"] b
