-- Cannot be compiled.
local = 1
