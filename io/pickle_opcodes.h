// The instructions of Python's pickles. Source: Lib/pickletools.py.
#pragma once

#include <cstdint>

namespace tl {

enum class Opcode : uint8_t {
  mark = '(',
  stop = '.',
  pop = '0',
  pop_mark = '1',
  dup = '2',
  float_text = 'F',
  int_text = 'I',
  binint = 'J',
  binint1 = 'K',
  long_text = 'L',
  binint2 = 'M',
  none = 'N',
  persid = 'P',
  binpersid = 'Q',
  reduce = 'R',
  string_text = 'S',
  binstring = 'T',
  short_binstring = 'U',
  unicode_text = 'V',
  binunicode = 'X',
  append = 'a',
  build = 'b',
  global = 'c',
  dict = 'd',
  empty_dict = '}',
  appends = 'e',
  get = 'g',
  binget = 'h',
  inst = 'i',
  long_binget = 'j',
  list = 'l',
  empty_list = ']',
  obj = 'o',
  put = 'p',
  binput = 'q',
  long_binput = 'r',
  setitem = 's',
  tuple = 't',
  empty_tuple = ')',
  setitems = 'u',
  binfloat = 'G',
  binbytes = 'B',
  short_binbytes = 'C',
  proto = 0x80,
  newobj = 0x81,
  ext1 = 0x82,
  ext2 = 0x83,
  ext4 = 0x84,
  tuple1 = 0x85,
  tuple2 = 0x86,
  tuple3 = 0x87,
  newtrue = 0x88,
  newfalse = 0x89,
  long1 = 0x8a,
  long4 = 0x8b,
  short_binunicode = 0x8c,
  binunicode8 = 0x8d,
  binbytes8 = 0x8e,
  empty_set = 0x8f,
  additems = 0x90,
  frozenset = 0x91,
  newobj_ex = 0x92,
  stack_global = 0x93,
  memoize = 0x94,
  frame = 0x95,
  bytearray8 = 0x96,
  next_buffer = 0x97,
  readonly_buffer = 0x98,
};

/// Python's name of an instruction that is refused; nullptr where there is no such instruction.
inline const char* name_of_refused(Opcode opcode) {
  switch (opcode) {
    case Opcode::pop:
      return "POP";
    case Opcode::pop_mark:
      return "POP_MARK";
    case Opcode::dup:
      return "DUP";
    case Opcode::float_text:
      return "FLOAT";
    case Opcode::int_text:
      return "INT";
    case Opcode::long_text:
      return "LONG";
    case Opcode::persid:
      return "PERSID";
    case Opcode::string_text:
      return "STRING";
    case Opcode::unicode_text:
      return "UNICODE";
    case Opcode::dict:
      return "DICT";
    case Opcode::get:
      return "GET";
    case Opcode::inst:
      return "INST";
    case Opcode::list:
      return "LIST";
    case Opcode::obj:
      return "OBJ";
    case Opcode::put:
      return "PUT";
    case Opcode::newobj:
      return "NEWOBJ";
    case Opcode::ext1:
      return "EXT1";
    case Opcode::ext2:
      return "EXT2";
    case Opcode::ext4:
      return "EXT4";
    case Opcode::empty_set:
      return "EMPTY_SET";
    case Opcode::additems:
      return "ADDITEMS";
    case Opcode::frozenset:
      return "FROZENSET";
    case Opcode::newobj_ex:
      return "NEWOBJ_EX";
    case Opcode::bytearray8:
      return "BYTEARRAY8";
    case Opcode::next_buffer:
      return "NEXT_BUFFER";
    case Opcode::readonly_buffer:
      return "READONLY_BUFFER";
    default:
      return nullptr;
  }
}

}  // namespace tl
