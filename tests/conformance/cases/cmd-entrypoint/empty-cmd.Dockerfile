FROM base
CMD ["a"]
CMD []
