// Changes a file of its own and waits to be told. After close nothing may be told.

import { once } from 'node:events'
import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'

export const name = 'watch'
export const isPossible = ({ MemoryMappedFile }) => 'watch' in MemoryMappedFile.prototype
const PATIENCE = 20_000

export function start({ api, folder, random, thread, wrong, count }) {
  const path = join(folder, `watched-${thread}`)
  writeFileSync(path, 'content')
  return async () => {
    const mapping = api.MemoryMappedFile.openRoSync(path)
    let isClosed = false
    const watcher = mapping.watch(() => {
      count('changes told')
      if (isClosed) wrong('a watcher told a change after close')
    })
    const change = once(watcher, 'change', { signal: AbortSignal.timeout(PATIENCE) })
    if (random.chance(70)) appendFileSync(path, 'more')
    else writeFileSync(path, 'content')
    await change.catch(() => wrong(`a change was not told within ${PATIENCE} ms`))
    watcher.close()
    isClosed = true
    appendFileSync(path, 'x')
    await turn()
    if (random.chance(50)) mapping.close()
  }
}
