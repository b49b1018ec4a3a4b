/** A writer that is killed loses nothing that it had stored: the page cache has it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { prelude } from '../support/child.ts'
import { onUnix } from '../support/conditions.ts'
import { tempFile } from '../support/files.ts'

const root = join(import.meta.dirname, '..', '..')
/** More than a writer can be ahead of who reads its output: it never gets back to the first, where one way cuts the file. */
const SLOTS = 100_000

for (const [way, store] of Object.entries({
  updateRegion: 'mapping.updateRegion(at, bytes)',
  'a released slice': 'const slice = mapping.asSliceMut(at, 4); slice.bytes.set(bytes); slice.release()',
  'a resize and a store behind the old end': 'mapping.resizeSync(at + 4 + i); mapping.updateRegion(at, bytes)',
})) {
  onUnix(`kill -9 of a process that writes by ${way} loses no write that was over`, async (t) => {
    for (let kill = 1; kill <= 5; kill++) {
      const path = tempFile(t, Buffer.alloc(4 * SLOTS))
      const program = `${prelude}
        const mapping = MemoryMappedFile.openRwSync(path)
        const bytes = Buffer.alloc(4)
        for (let i = 1; ; i++) {
          const at = 4 * (i % ${SLOTS})
          bytes.writeUInt32LE(i)
          ${store}
          fs.writeSync(1, i + '\\n')
        }`
      const child = spawn(process.execPath, ['--input-type=module', '--eval', program, '--', path], { cwd: root })
      let last = 0
      createInterface({ input: child.stdout }).on('line', (line) => {
        last = Number(line)
        if (last === kill * 150) child.kill('SIGKILL')
      })
      const [, signal] = await once(child, 'close')
      t.is(signal, 'SIGKILL')
      const bytes = readFileSync(path)
      t.true(last >= kill * 150 && statSync(path).size >= 4 * (last % SLOTS) + 4)
      // What came later may have begun already.
      const newest = bytes.readUInt32LE(4 * (last % SLOTS))
      t.true(newest === last || newest === last + SLOTS, `write ${last} is ${newest} in the file`)
    }
  })
}
