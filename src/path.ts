/** Paths as `node:fs` takes them. */
import type { PathLike } from 'node:fs'
import { toNamespacedPath } from 'node:path'
import { fileURLToPath } from 'node:url'
import { toBytes } from './bytes.ts'
import { wrongType, wrongValue } from './misuse.ts'

/** A path for the operating system and for people. */
export interface Path {
  readonly bytes: Buffer
  readonly text: string
}

export function toPath(path: PathLike, name = 'path'): Path {
  const plain = path instanceof URL ? fileURLToPath(path) : path
  if (typeof plain !== 'string' && !(plain instanceof Uint8Array && ArrayBuffer.isView(plain)))
    throw wrongType(name, 'a string, a Buffer or a file URL', path)
  const bytes = typeof plain === 'string' ? Buffer.from(toNamespacedPath(plain)) : Buffer.from(toBytes(name, plain))
  if (bytes.includes(0)) throw wrongValue(name, 'a path without NUL bytes', path)
  return { bytes, text: typeof plain === 'string' ? plain : bytes.toString() }
}
