/** Copies of the package, as it is and without its looks at the fault word. */
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The getter that every check reads. */
const LOOK = /(get flags\(\) \{\s*return )this\.#words\[[^;]+(;\s*\})/

/** `MemoryMappedFile` of a copy beside the file of the trial. Both kinds are copies, so that they differ in one line only. */
export async function loadCopy({ path }, checks) {
  const folder = join(dirname(path), `copy-${process.pid}`)
  mkdirSync(folder)
  for (const name of ['package.json', 'binding.js', 'dist']) cpSync(join(root, name), join(folder, name), { recursive: true })
  for (const name of readdirSync(root).filter((entry) => entry.endsWith('.node'))) symlinkSync(join(root, name), join(folder, name))
  if (!checks) {
    const status = join(folder, 'dist', 'src', 'status.js')
    const code = readFileSync(status, 'utf8')
    if (!LOOK.test(code)) throw new Error(`${status}: the look at the fault word was not found`)
    writeFileSync(status, code.replace(LOOK, '$10$2'))
  }
  const { MemoryMappedFile } = await import(pathToFileURL(join(folder, 'dist', 'index.js')).href)
  return MemoryMappedFile
}
