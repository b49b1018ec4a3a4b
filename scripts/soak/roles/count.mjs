// Counts in a word that all share, and in one of its own: the driver compares their sums.
import { join } from 'node:path'

export const name = 'count'
export const SHARED = 0

export function start({ api, folder, random, thread }) {
  const mapping = api.MemoryMappedFile.openRwSync(join(folder, 'counters'))
  const own = 1 + thread
  const words = mapping.typedArray(Uint32Array)
  const cells = typeof mapping.atomicU32 === 'function' ? [mapping.atomicU32(4 * SHARED), mapping.atomicU32(4 * own)] : undefined
  return () => {
    for (let i = 0; i < 200; i++) {
      if (cells !== undefined && random.chance(50)) for (const cell of cells) cell.fetchAdd(1)
      else for (const at of [SHARED, own]) Atomics.add(words, at, 1)
    }
  }
}
