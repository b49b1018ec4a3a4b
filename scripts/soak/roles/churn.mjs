// Opens, looks and closes, or lets the garbage collector close. Nothing may stay open.
import { readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { byteAt, bytesAt } from '../records.mjs'

export const name = 'churn'

export function start({ api, folder, random, wrong, background, isMain }) {
  const path = join(folder, 'fixed')
  const { MemoryMappedFile } = api
  const opens = ['openRo', 'openRw', 'openCow']
  const round = async () => {
    const open = random.pick(opens)
    const offset = random.below(100_000)
    const length = 1 + random.below(20_000)
    const mapping = random.chance(50)
      ? await MemoryMappedFile[open](path, { offset, length })
      : MemoryMappedFile[`${open}Sync`](path, { offset, length })
    const at = random.below(length)
    const view = mapping.asSlice(at)
    if (view[0] !== byteAt(offset + at)) wrong(`byte ${offset + at} of a window is ${view[0]}`)
    const part = Math.min(100, length - at)
    if (!mapping.readBytes(at, part).equals(bytesAt(offset + at, part))) wrong('a window reads other bytes than the file has')
    if (open !== 'openRw' && random.chance(30)) view.fill(0) // never reaches the file
    if (random.chance(20)) background(mapping.flush())
    if (random.chance(70)) mapping.close({ detach: random.chance(50) })
    if (random.chance(5)) globalThis.gc?.()
  }
  return Object.assign(round, {
    async end() {
      for (let i = 0; i < 10; i++) {
        globalThis.gc?.()
        await turn()
      }
      // Other threads may have it open still.
      const left = isMain && process.platform === 'linux' ? descriptorsOf(path) : 0
      if (left > 0) wrong(`${left} descriptors of closed and collected mappings are left`)
    },
  })
}

function descriptorsOf(path) {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(join('/proc/self/fd', fd)) === path
    } catch {
      return false
    }
  }).length
}
