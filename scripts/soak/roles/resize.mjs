// Resizes a file of its own up and down, with views of every age alive and tasks running, and compares all of them with a Buffer.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const name = 'resize'
const MOST = 100_000

export function start({ api, folder, random, thread, wrong, background }) {
  const path = join(folder, `resized-${thread}`)
  let mapping = api.MemoryMappedFile.createRwSync(path, 5000, { sparse: random.chance(50) })
  let model = Buffer.alloc(5000)
  let views = []
  const tasks = []

  function check() {
    if (mapping.length !== model.length) wrong(`a mapping of ${model.length} bytes says it has ${mapping.length}`)
    if (!mapping.readBytes().equals(model)) wrong('a resized mapping reads other bytes than were stored')
    for (const { view, offset } of views) {
      const inside = Math.max(0, Math.min(view.length, model.length - offset))
      if (!view.subarray(0, inside).equals(model.subarray(offset, offset + inside))) wrong('an old view reads other bytes than the mapping')
      if (view.subarray(inside).some((byte) => byte !== 0)) wrong('the part of a view that was cut off is not zero')
    }
  }

  return async () => {
    const size = 1 + random.below(MOST)
    const detach = random.chance(20)
    const isShrink = size < model.length
    if (random.chance(30)) tasks.push(background(mapping.flush()))
    // A task that begins after the cut is told that its range is gone.
    const gone = ['Closed', 'OutOfBounds']
    if (random.chance(30)) tasks.push(background(mapping.search?.('no such bytes') ?? mapping.flushRange(), gone))
    if (random.chance(50)) await mapping.resize(size, { detach })
    else mapping.resizeSync(size, { detach })
    if (detach && isShrink) {
      if (mapping.viewMode !== 'shared' && views.some(({ view }) => view.length > 0)) wrong('a view is left after resize with detach: true')
      views = []
    }
    const next = Buffer.alloc(size)
    model.copy(next)
    model = next
    const offset = random.below(size)
    const bytes = Buffer.alloc(random.below(Math.min(3000, size - offset) + 1), random.below(256))
    const known = views.find(({ view, offset: first }) => first <= offset && first + view.length >= offset + bytes.length)
    if (known !== undefined && random.chance(50)) known.view.set(bytes, offset - known.offset)
    else mapping.updateRegion(offset, bytes)
    bytes.copy(model, offset)
    if (random.chance(50)) views.push({ view: mapping.asSlice(offset), offset })
    views.splice(0, views.length - 8)
    check()
    if (!readFileSync(path).equals(model)) wrong('a resized file has other bytes than its mapping')
    if (random.chance(5)) {
      // What still reads the old mapping would meet the cuts of the new one as those of a stranger.
      await Promise.all(tasks.splice(0))
      mapping.close({ detach: random.chance(50) })
      views = []
      mapping = api.MemoryMappedFile.openRwSync(path)
    }
  }
}
