// SPDX-License-Identifier: GPL-3.0-or-later

import CNftnl
internal import Ruleset

/// libnftnl's objects, each owned by one value and freed with it. Setters copy their arguments.
///
/// An allocation fails only if there is no memory, which libnftnl does not distinguish from an unknown name;
/// the initializers return nil then.
enum Nftnl {
  /// `struct nftnl_table`
  struct Table: ~Copyable {
    let pointer: OpaquePointer
    init?() {
      guard let pointer = nftnl_table_alloc() else { return nil }
      self.pointer = pointer
    }
    deinit { nftnl_table_free(pointer) }
    func set(_ attribute: nftnl_table_attr, _ number: UInt32) {
      nftnl_table_set_u32(pointer, UInt16(attribute.rawValue), number)
    }
    func set(_ attribute: nftnl_table_attr, _ text: String) {
      _ = nftnl_table_set_str(pointer, UInt16(attribute.rawValue), text)
    }
    func set(_ attribute: nftnl_table_attr, _ bytes: [UInt8]) {
      _ = nftnl_table_set_data(pointer, UInt16(attribute.rawValue), bytes, UInt32(bytes.count))
    }
  }

  /// `struct nftnl_chain`
  struct Chain: ~Copyable {
    let pointer: OpaquePointer
    init?() {
      guard let pointer = nftnl_chain_alloc() else { return nil }
      self.pointer = pointer
    }
    deinit { nftnl_chain_free(pointer) }
    func set(_ attribute: nftnl_chain_attr, _ number: UInt32) {
      nftnl_chain_set_u32(pointer, UInt16(attribute.rawValue), number)
    }
    func set(_ attribute: nftnl_chain_attr, _ text: String) {
      _ = nftnl_chain_set_str(pointer, UInt16(attribute.rawValue), text)
    }
  }

  /// `struct nftnl_rule`
  struct Rule: ~Copyable {
    let pointer: OpaquePointer
    init?() {
      guard let pointer = nftnl_rule_alloc() else { return nil }
      self.pointer = pointer
    }
    deinit { nftnl_rule_free(pointer) }
    func set(_ attribute: nftnl_rule_attr, _ number: UInt64) {
      nftnl_rule_set_u64(pointer, UInt16(attribute.rawValue), number)
    }
    func set(_ attribute: nftnl_rule_attr, _ text: String) {
      _ = nftnl_rule_set_str(pointer, UInt16(attribute.rawValue), text)
    }
    func set(_ attribute: nftnl_rule_attr, _ bytes: [UInt8]) {
      _ = nftnl_rule_set_data(pointer, UInt16(attribute.rawValue), bytes, UInt32(bytes.count))
    }
  }

  /// `struct nftnl_set`
  struct Set: ~Copyable {
    let pointer: OpaquePointer
    init?() {
      guard let pointer = nftnl_set_alloc() else { return nil }
      self.pointer = pointer
    }
    deinit { nftnl_set_free(pointer) }
    func set(_ attribute: nftnl_set_attr, _ number: UInt32) {
      nftnl_set_set_u32(pointer, UInt16(attribute.rawValue), number)
    }
    func set(_ attribute: nftnl_set_attr, long number: UInt64) {
      nftnl_set_set_u64(pointer, UInt16(attribute.rawValue), number)
    }
    func set(_ attribute: nftnl_set_attr, _ text: String) {
      _ = nftnl_set_set_str(pointer, UInt16(attribute.rawValue), text)
    }
    func set(_ attribute: nftnl_set_attr, _ bytes: [UInt8]) {
      _ = nftnl_set_set_data(pointer, UInt16(attribute.rawValue), bytes, UInt32(bytes.count))
    }
  }

  /// `struct nftnl_obj`. Its attributes are constants of two anonymous enums, so they are passed as numbers.
  struct Object: ~Copyable {
    let pointer: OpaquePointer
    init?() {
      guard let pointer = nftnl_obj_alloc() else { return nil }
      self.pointer = pointer
    }
    deinit { nftnl_obj_free(pointer) }
    func set(_ attribute: Int, _ number: UInt32) { nftnl_obj_set_u32(pointer, UInt16(attribute), number) }
    func set(_ attribute: Int, long number: UInt64) { nftnl_obj_set_u64(pointer, UInt16(attribute), number) }
    func set(_ attribute: Int, _ text: String) { nftnl_obj_set_str(pointer, UInt16(attribute), text) }
  }

  /// `struct nftnl_expr`. Its attributes are constants of anonymous enums, so they are passed as numbers.
  struct Expression: ~Copyable {
    let pointer: OpaquePointer
    /// Nil if libnftnl does not know the name.
    init?(_ name: String) {
      guard let pointer = nftnl_expr_alloc(name) else { return nil }
      self.pointer = pointer
    }
    deinit { nftnl_expr_free(pointer) }
    func set(_ attribute: Int, _ number: UInt32) { nftnl_expr_set_u32(pointer, UInt16(attribute), number) }
    func set(_ attribute: Int, long number: UInt64) { nftnl_expr_set_u64(pointer, UInt16(attribute), number) }
    func set(_ attribute: Int, short number: UInt16) {
      nftnl_expr_set_u16(pointer, UInt16(attribute), number)
    }
    func set(_ attribute: Int, byte number: UInt8) { nftnl_expr_set_u8(pointer, UInt16(attribute), number) }
    func set(_ attribute: Int, _ text: String) { _ = nftnl_expr_set_str(pointer, UInt16(attribute), text) }
    func set(_ attribute: Int, _ bytes: [UInt8]) {
      _ = nftnl_expr_set(pointer, UInt16(attribute), bytes, UInt32(bytes.count))
    }
  }
}
