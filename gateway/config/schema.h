/* SPDX-License-Identifier: Apache-2.0 */
/* JSON schemas of the configuration's files, made from the tables that read them, so that editors
 * complete what the gateway accepts. */
#ifndef GW_SCHEMA_H
#define GW_SCHEMA_H

/* The schema of "gateway" or "mapping" files as text, to be released with gw_memory_release; NULL:
 * no such kind, or no memory. */
char *gw_schema_text(const char *kind);

#endif
