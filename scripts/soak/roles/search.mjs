// Searches and streams a file that never changes: the answers are known. A mapping that closes meanwhile says so, or answers right.
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { bytesAt } from '../records.mjs'

export const name = 'search'
const NEEDLE = Buffer.from('\0needle\0')

/** What the file holds: needles in a haystack without zeros. */
export function content() {
  const bytes = bytesAt(0, 1 << 20)
  for (let at = 1000; at < bytes.length - NEEDLE.length; at += 7777) NEEDLE.copy(bytes, at)
  return bytes
}

export function start({ api, folder, random, wrong, count }) {
  const path = join(folder, 'searched')
  const bytes = content()
  const hash = createHash('sha256').update(bytes).digest('hex')
  const hits = []
  for (let at = bytes.indexOf(NEEDLE); at >= 0; at = bytes.indexOf(NEEDLE, at + NEEDLE.length)) hits.push(at)
  const expected = JSON.stringify(hits)

  const tasks = {
    search: async (mapping) => JSON.stringify([...(await mapping.search(NEEDLE))]) === expected,
    findAll: (mapping) => JSON.stringify([...mapping.findAll(NEEDLE)]) === expected,
    count: (mapping) => mapping.count(NEEDLE) === hits.length,
    lastIndexOf: (mapping) => mapping.lastIndexOf(NEEDLE) === hits.at(-1),
    touchPages: async (mapping) => (await mapping.touchPages()) === bytes.length,
    chunks: (mapping) => hashOf(mapping.chunks(10_000)) === hash,
    createReadStream: async (mapping) => hashOf(await Array.fromAsync(mapping.createReadStream())) === hash,
    stream: async (mapping) => hashOf(await Array.fromAsync(mapping.stream())) === hash,
  }
  const known = Object.keys(tasks).filter((task) => task in api.MemoryMappedFile.prototype)

  return async () => {
    const mapping = random.chance(50) ? api.MemoryMappedFile.openRoSync(path) : api.MemoryMappedFile.openRwSync(path)
    const chosen = Array.from({ length: 3 }, () => random.pick(known))
    const running = chosen.map(async (task) => {
      try {
        if (!(await tasks[task](mapping))) wrong(`${task} gives a wrong answer`)
      } catch (error) {
        if (error.kind !== 'Closed') throw error
        count('tasks that were told Closed')
      }
    })
    if (random.chance(30)) mapping.close({ detach: random.chance(50) })
    await Promise.all(running)
    mapping.close()
  }
}

function hashOf(parts) {
  const sum = createHash('sha256')
  for (const part of parts) sum.update(part)
  return sum.digest('hex')
}

Array.fromAsync ??= async (parts) => {
  const list = []
  for await (const part of parts) list.push(part)
  return list
}
