FROM base
CMD a
CMD ["b"]
