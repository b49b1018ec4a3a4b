/** From the URL of a request to a file below a folder. */
import type { BigIntStats } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'

/** A file as it was when it was looked at. */
export interface Found {
  readonly path: string
  readonly info: BigIntStats
}

/** What no name of a file below the folder has. On Windows a colon names a drive or a stream of a file. */
const forbidden = process.platform === 'win32' ? /[\0/\\:]/ : /[\0/\\]/

/** The names that lead to a file; undefined for a URL that leads elsewhere. The last name is empty when a folder is asked for. */
export function namesOf(url: string): string[] | undefined {
  const parts = new URL(url).pathname.replace(/^\//, '').split('/')
  let names: string[]
  try {
    names = parts.map(decodeURIComponent)
  } catch {
    return undefined
  }
  const isName = (name: string, at: number) =>
    name === '' ? at === names.length - 1 : name !== '.' && name !== '..' && !forbidden.test(name)
  return names.every(isName) ? names : undefined
}

/** The regular file that a URL stands for; a folder stands for its `index`. Errors are those of `stat`. */
export async function find(root: string, url: string, index: string): Promise<Found | undefined> {
  const names = namesOf(url)
  if (names === undefined) return undefined
  const path = join(root, ...names)
  const info = await stat(path, { bigint: true })
  if (info.isFile()) return names.at(-1) === '' ? undefined : { path, info }
  if (!info.isDirectory()) return undefined
  const inside = join(path, index)
  const insideInfo = await stat(inside, { bigint: true })
  return insideInfo.isFile() ? { path: inside, info: insideInfo } : undefined
}

/** Where a path leads, all links followed, when it is to be the file of `info`. */
export async function place(root: string, path: string, info: BigIntStats): Promise<'below' | 'outside' | 'replaced'> {
  const [folder, target] = await Promise.all([realpath(root), realpath(path)])
  if (!target.startsWith(folder.endsWith(sep) ? folder : folder + sep)) return 'outside'
  const named = await stat(target, { bigint: true })
  return named.dev === info.dev && named.ino === info.ino ? 'below' : 'replaced'
}

/** Whether nothing was written to a file, and no other file put in its place, between two looks. */
export const isSame = (a: BigIntStats, b: BigIntStats): boolean =>
  a.dev === b.dev && a.ino === b.ino && a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs
