/* Image names as people write them. */
#ifndef FAMILIAR_H
#define FAMILIAR_H

/* "docker.io/library/node:latest" to "node:latest"; what is no full name stays as it is. Owned by
 * the caller; NULL: no memory. */
char *familiar_name(const char *normalized);

#endif
