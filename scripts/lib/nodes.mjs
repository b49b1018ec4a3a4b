// The Node binaries of .ci/nodes. They exist for Linux on x64; elsewhere the list is empty.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { npm, root } from './run.mjs'

const folder = join(root, '.ci', 'nodes')

/** Installs them, all or the newest alone, and returns their paths, oldest first. */
export async function installNodes({ newestOnly = false } = {}) {
  if (process.platform !== 'linux' || process.arch !== 'x64') return []
  const { ok } = await npm(['ci', ...(newestOnly ? ['--omit=dev'] : [])], { cwd: folder })
  if (!ok) throw new Error('The Node binaries of .ci/nodes cannot be installed')
  const packages = join(folder, 'node_modules')
  const names = readdirSync(packages).filter((name) => name.startsWith('node-'))
  return names.sort().map((name) => join(packages, name, 'bin', 'node'))
}
