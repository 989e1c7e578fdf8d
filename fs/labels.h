/*
 * Whether a tree holds any SELinux label. "No label here" is an answer that ls asks for again with
 * every file, while "none at all" is asked for once. For ACLs the kernel keeps the answers itself.
 */
#ifndef LABELS_H
#define LABELS_H

#include "node.h"

#define LABEL_NAME "security.selinux"

/* False where there is certainly none. */
bool labels_may_be(struct core *core, const struct view *view);

#endif
