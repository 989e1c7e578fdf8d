FROM base-triggers AS child
FROM child
RUN echo grandchild >>/order
