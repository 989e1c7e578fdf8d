FROM base
ADD --exclude=**/*.o --exclude=deep src /to/
