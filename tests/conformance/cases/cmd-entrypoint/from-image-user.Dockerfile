FROM base-of-cmd
USER app
