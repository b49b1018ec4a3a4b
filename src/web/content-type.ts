/** Content types by file name. */
import { createRequire } from 'node:module'

type Table = typeof import('mime').default

let table: Table | undefined

/** The type of the file, with UTF-8 for text; bytes where the name tells nothing. */
export function contentType(path: string | null): string {
  if (path === null) return UNKNOWN
  // Loaded when it is first needed: a program that serves nothing need not wait for it.
  table ??= (createRequire(import.meta.url)('mime') as { default: Table }).default
  const type = table.getType(path) ?? UNKNOWN
  return type.startsWith('text/') ? `${type}; charset=utf-8` : type
}

const UNKNOWN = 'application/octet-stream'
