#!/usr/bin/env node
require('../dist/start/holdfast.cjs');
