// The YAML parser in a file of its own, to be imported when there is YAML: the bundle can load a package late only by
// way of a module of ours, because of a CommonJS package that is imported late it gives out the default export alone.

export { parse } from 'yaml';
