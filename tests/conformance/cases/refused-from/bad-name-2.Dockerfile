FROM base AS o/ne
