"""Color of every pixel: the seen surfaces, lit.

Neighboring samples of a pixel that see the same smooth surface share one evaluation, at the first of them; hairs are
evaluated one by one. So edges are as smooth as the supersampling says and the rest costs one evaluation a pixel.
"""
# mypy: disallow-untyped-defs=false

import math
from typing import NamedTuple

import numpy as np

from megactor.synth.anatomy.subject import Material
from megactor.synth.jit import inlined, kernel
from megactor.synth.render import lighting, materials
from megactor.synth.render.reflectance import light_hair, light_surface

_SAME_SURFACE = 0.4
"""Samples of one material whose distances differ by less than this (rig units) share one evaluation."""
_SAME_STRAND = 2
"""So do samples of hair whose triangles are no further apart in the list: one quad or the next of a ribbon."""
_SEAM = 0.12
"""Nothing is shared this near (rig units) to a collar's or a hat's edge, which runs through triangles."""
_UNDER_LIDS = 0.35
"""Lids throw softer shadows than the map's texels."""

_SKIN, _HEAD, _MOUTH, _SOCKET = int(Material.SKIN), int(Material.HEAD), int(Material.MOUTH), int(Material.SOCKET)
_GUM, _TEETH, _EYE, _LASH = int(Material.GUM), int(Material.TEETH), int(Material.EYE), int(Material.LASH)
_HAIR, _CLOTH, _FRAME, _TONGUE = int(Material.HAIR), int(Material.CLOTH), int(Material.FRAME), int(Material.TONGUE)
_FABRIC = int(Material.FABRIC)

# columns of Mesh.moving and Mesh.fixed: the first of three, or the only one
_SCREEN, _POSITION, _NORMAL, _TANGENT = 0, 3, 6, 9
_COLOR, _CANONICAL, _SCALP, _COLLAR, _HAT, _TONGUE_OUT = 0, 3, 6, 7, 8, 9


class Mesh(NamedTuple):
    """A posed subject as the shader takes it: V vertices, T triangles, U uvs.

    What a sample needs of a vertex lies side by side in memory.

    moving: (V, 12) float32 from `pack_moving`.
    fixed: (V, 12) float32 from `pack_fixed`.
    triangles, uv_triangles: (T, 3) int32.
    uvs: (U, 2) float32.
    materials: (T,) uint8.
    """

    moving: np.ndarray
    fixed: np.ndarray
    triangles: np.ndarray
    uv_triangles: np.ndarray
    uvs: np.ndarray
    materials: np.ndarray


def pack_fixed(colors: np.ndarray, canonical: np.ndarray, fields: np.ndarray) -> np.ndarray:
    """(V, 12) float32: colors (V, 3), canonical positions (V, 3) and fields (V, 4).

    The fields are the distances to the hairline, the collar and the hat's rim (`regions`), and the bust's `tongue`.
    """
    return np.concatenate([colors, canonical, fields, np.zeros((len(colors), 2))], axis=1).astype(np.float32)


@kernel
def pack_moving(screen, positions, normals, tangents):
    """(V, 12) float32: sample x, y and distance, position, normal (V, 3 each), and the last vertices' tangents."""
    count = screen.shape[0]
    first = count - tangents.shape[0]
    packed = np.zeros((count, 12), np.float32)
    for v in range(count):
        for axis in range(3):
            packed[v, _SCREEN + axis] = screen[v, axis]
            packed[v, _POSITION + axis] = positions[v, axis]
            packed[v, _NORMAL + axis] = normals[v, axis]
            if v >= first:
                packed[v, _TANGENT + axis] = tangents[v - first, axis]
    return packed


@kernel
def shade(mesh, look, light, camera, exposure, curve, supersampling, ids, depth, rgb, alpha, seen, normals):
    """Shades a picture of S x S pixels with (S * supersampling)² samples.

    Args:
        mesh: a `Mesh`.
        look: a `materials.Look`.
        light: a `lighting.Light`.
        camera: (3,) float32 position.
        exposure: factor on linear light.
        curve: (N,) float32 from `tone.tone_curve`.
        supersampling: samples along a pixel's side.
        ids: (S * supersampling, S * supersampling) int32, the seen triangles.
        depth: of the same shape, float32, from `raster`.
        rgb: (S, S, 3) float32, gets sRGB times alpha.
        alpha: (S, S) float32.
        seen: (S, S) uint8, gets the material at the sample nearest to the pixel's center; skin under cloth or a hat
            counts as cloth.
        normals: (S, S, 3) float32 at that sample.
    """
    size = rgb.shape[0]
    samples = supersampling * supersampling
    center = (supersampling // 2) * supersampling + supersampling // 2
    shaded_id, shaded_material = np.empty(samples, np.int32), np.empty(samples, np.uint8)
    shaded_depth, shaded = np.empty(samples, np.float32), np.empty((samples, 8), np.float32)
    for i in range(size):
        for j in range(size):
            count = 0
            for s in range(samples):
                row, column = i * supersampling + s // supersampling, j * supersampling + s % supersampling
                t = ids[row, column]
                if t < 0:
                    continue
                distance = -1 / depth[row, column]
                material = mesh.materials[t]
                found = -1
                for k in range(count):
                    if shaded_material[k] == material and (
                        abs(shaded_id[k] - t) <= _SAME_STRAND
                        if material == _HAIR
                        else shaded[k, 7] == 0 and abs(shaded_depth[k] - distance) < _SAME_SURFACE
                    ):
                        found = k
                        break
                if found < 0:
                    found = count
                    count += 1
                    shaded_id[found], shaded_material[found], shaded_depth[found] = t, material, distance
                    _shade_sample(mesh, look, light, camera, t, column + 0.5, row + 0.5, shaded, found)
                    for channel in range(3):
                        shaded[found, channel] = _display(shaded[found, channel] * exposure, curve)
                for channel in range(3):
                    rgb[i, j, channel] += shaded[found, channel]
                alpha[i, j] += 1
                if s == center:
                    seen[i, j] = np.uint8(shaded[found, 6])
                    for axis in range(3):
                        normals[i, j, axis] = shaded[found, 3 + axis]
            for channel in range(3):
                rgb[i, j, channel] /= samples
            alpha[i, j] /= samples


@inlined
def _display(value, curve):
    """`curve` holds the display value over the square root of linear light from 0 to 4."""
    x = math.sqrt(min(max(value, 0.0), 3.999)) * (0.5 * (curve.shape[0] - 1))
    k = int(x)
    return curve[k] + (x - k) * (curve[k + 1] - curve[k])


@inlined
def _blend(values, a, b, c, u, v, w, column):
    return u * values[a, column] + v * values[b, column] + w * values[c, column]


@inlined
def _blend3(values, a, b, c, u, v, w, column):
    return (
        _blend(values, a, b, c, u, v, w, column),
        _blend(values, a, b, c, u, v, w, column + 1),
        _blend(values, a, b, c, u, v, w, column + 2),
    )


@inlined
def _unit(x, y, z):
    scale = lighting.inverse_length(x, y, z)
    return x * scale, y * scale, z * scale


@inlined
def _shade_sample(mesh, look, light, camera, t, px, py, shaded, slot):
    """Shades triangle `t` at a sample: linear RGB, unit normal, material, and whether a seam is near."""
    moving, fixed = mesh.moving, mesh.fixed
    a, b, c = mesh.triangles[t, 0], mesh.triangles[t, 1], mesh.triangles[t, 2]
    u, v, w = _perspective_weights(moving, a, b, c, px, py)
    x, y, z = _blend3(moving, a, b, c, u, v, w, _POSITION)
    view = _unit(camera[0] - x, camera[1] - y, camera[2] - z)
    normal = _unit(*_blend3(moving, a, b, c, u, v, w, _NORMAL))
    color = _blend3(fixed, a, b, c, u, v, w, _COLOR)
    openness = lighting.openness_at(light, px, py, _blend(moving, a, b, c, u, v, w, _SCREEN + 2))
    material = int(mesh.materials[t])
    seam = 0.0
    if material == _HAIR:
        tangent = _blend3(moving, a, b, c, u, v, w, _TANGENT)
        light_hair(light, openness, (x, y, z), normal, view, tangent, color, shaded[slot])
    else:
        qx, qy, qz = _blend3(fixed, a, b, c, u, v, w, _CANONICAL)
        gloss, roughness, scattering, reach, least_lit = 0.0, 0.5, 0.0, 1.0, 0.0
        if material in (_SKIN, _HEAD):
            gloss, roughness, scattering = look.specular, look.roughness, look.scattering
            if material == _SKIN:
                color, shine, normal = _textured(mesh, look, a, b, c, t, u, v, w, color, normal)
                gloss *= shine
            under_hat = _blend(fixed, a, b, c, u, v, w, _HAT)
            under_collar = _blend(fixed, a, b, c, u, v, w, _COLLAR)
            seam = 1.0 if min(abs(under_hat), abs(under_collar)) < _SEAM else 0.0
            if under_hat > 0:
                material = _CLOTH
                color = materials.knitwear(look.hat_color, qx, qy, qz)
                gloss, roughness, scattering = 0.02, 0.8, 0.0
            elif under_collar > 0:
                material = _CLOTH
                color, fold = materials.cloth(look, under_collar, qx, qy, qz)
                normal = _unit(normal[0] + fold, normal[1], normal[2])
                gloss, roughness, scattering = 0.015, 0.75, 0.0
            else:
                height = _blend(fixed, a, b, c, u, v, w, _SCALP)
                cover, roots = materials.scalp_cover(look, height, qx, qy, qz)
                color = _mixed(color, roots, cover)
                gloss *= 1 - 0.6 * cover
        elif material == _CLOTH:
            under_collar = _blend(fixed, a, b, c, u, v, w, _COLLAR)
            color, fold = materials.cloth(look, under_collar, qx, qy, qz)
            normal = _unit(normal[0] + fold, normal[1], normal[2])
            gloss, roughness = 0.015, 0.75
        elif material == _EYE:
            color, reach = materials.eyeball(look, 0 if qx > 0 else 1, x, y, z, openness)
            gloss, roughness, scattering = 1.0, 0.10, 0.15
            least_lit = _UNDER_LIDS
        elif material == _TEETH:
            if not look.painted_mouth:
                color = (0.62 * look.teeth, 0.57 * look.teeth, 0.47 * look.teeth)
            gloss, roughness, scattering = 0.6, 0.25, 0.3
            reach = materials.depth_in_mouth(look.teeth_dimness, qz, 5.8, 10.4, 3) * (0.8 if abs(qx) > 1.8 else 1.0)
            openness = materials.dimmed(openness, look.teeth_dimness)
            least_lit = 1.0 - look.teeth_dimness
        elif material == _GUM:
            gloss, roughness, scattering = 0.3, 0.35, 0.4
            if not look.painted_mouth:
                color = (0.36, 0.12, 0.11)
            reach = materials.depth_in_mouth(look.mouth_dimness, qz, 4.0, 10.5, 2)
        elif material == _TONGUE:
            if not look.painted_mouth:
                color = (0.28, 0.11, 0.105)
            color, gloss, roughness, scattering = materials.tongue(color, qx, qy, qz), 0.25, 0.45, 0.4
            in_the_open = look.tongue_out * _blend(fixed, a, b, c, u, v, w, _TONGUE_OUT)
            reach = max(materials.depth_in_mouth(look.mouth_dimness, qz, 4.0, 10.5, 2), in_the_open)
        elif material == _MOUTH:
            color, gloss, scattering = (0.30, 0.08, 0.07), 0.2, 0.2
            reach = 0.7 * materials.depth_in_mouth(look.mouth_dimness, qz, 6.5, 11.0, 2)
        elif material == _SOCKET:
            color, gloss, roughness, scattering = (color[0], 0.66 * color[1], 0.63 * color[2]), 0.8, 0.3, 0.5
            reach = 0.6
        elif material == _LASH:
            color = (0.012, 0.009, 0.008)
        elif material == _FRAME:
            gloss, roughness = 1.2, 0.25
        elif material == _FABRIC:
            color = materials.fabric(color, qx, qy, qz)
            gloss, roughness = 0.015, 0.75
            normal = _facing(normal, view)
        light_surface(
            light,
            material,
            openness,
            reach,
            least_lit,
            (x, y, z),
            normal,
            view,
            color,
            gloss,
            roughness,
            scattering,
            shaded[slot],
        )
    shaded[slot, 3], shaded[slot, 4], shaded[slot, 5] = normal
    shaded[slot, 6], shaded[slot, 7] = material, seam


@inlined
def _facing(normal, view):
    """The normal of the side that is seen, for sheets."""
    if normal[0] * view[0] + normal[1] * view[1] + normal[2] * view[2] < 0:
        return -normal[0], -normal[1], -normal[2]
    return normal


@inlined
def _mixed(first, second, share):
    return (
        first[0] + share * (second[0] - first[0]),
        first[1] + share * (second[1] - first[1]),
        first[2] + share * (second[2] - first[2]),
    )


@inlined
def _perspective_weights(moving, a, b, c, px, py):
    """Barycentric weights on the surface of a point in the picture, clamped into the triangle."""
    ax, ay, bx, by, cx, cy = moving[a, 0], moving[a, 1], moving[b, 0], moving[b, 1], moving[c, 0], moving[c, 1]
    scale = 1 / ((bx - ax) * (cy - ay) - (cx - ax) * (by - ay))
    u = ((cx - bx) * (py - by) - (cy - by) * (px - bx)) * scale
    v = ((ax - cx) * (py - cy) - (ay - cy) * (px - cx)) * scale
    u, v = min(max(u, 0.0), 1.0), min(max(v, 0.0), 1.0)
    w = min(max(1 - u - v, 0.0), 1.0)
    u, v, w = u / moving[a, _SCREEN + 2], v / moving[b, _SCREEN + 2], w / moving[c, _SCREEN + 2]
    scale = 1 / (u + v + w)
    return u * scale, v * scale, w * scale


@inlined
def _textured(mesh, look, a, b, c, t, u, v, w, color, normal):
    """The skin's texture: color, factor on the gloss, and the normal tilted by the relief."""
    uvs, p = mesh.uvs, mesh.moving
    ua, ub, uc = mesh.uv_triangles[t, 0], mesh.uv_triangles[t, 1], mesh.uv_triangles[t, 2]
    tu, tv = _blend(uvs, ua, ub, uc, u, v, w, 0), _blend(uvs, ua, ub, uc, u, v, w, 1)
    red, green, blue, shine, slope_u, slope_v = materials.skin_texture(look.texture, tu, tv)
    # directions in which u and v grow on this triangle, times the determinant
    du1, dv1 = uvs[ub, 0] - uvs[ua, 0], uvs[ub, 1] - uvs[ua, 1]
    du2, dv2 = uvs[uc, 0] - uvs[ua, 0], uvs[uc, 1] - uvs[ua, 1]
    turn = 1.0 if du1 * dv2 - du2 * dv1 > 0 else -1.0
    x1, y1, z1 = p[b, 3] - p[a, 3], p[b, 4] - p[a, 4], p[b, 5] - p[a, 5]
    x2, y2, z2 = p[c, 3] - p[a, 3], p[c, 4] - p[a, 4], p[c, 5] - p[a, 5]
    ux, uy, uz = x1 * dv2 - x2 * dv1, y1 * dv2 - y2 * dv1, z1 * dv2 - z2 * dv1
    wx, wy, wz = x2 * du1 - x1 * du2, y2 * du1 - y1 * du2, z2 * du1 - z1 * du2
    along_u = turn * slope_u * _inverse_or_zero(ux, uy, uz)
    along_v = -turn * slope_v * _inverse_or_zero(wx, wy, wz)  # texture rows run down, v runs up
    tilted = _unit(
        normal[0] - along_u * ux - along_v * wx,
        normal[1] - along_u * uy - along_v * wy,
        normal[2] - along_u * uz - along_v * wz,
    )
    return (color[0] * red, color[1] * green, color[2] * blue), shine, tilted


@inlined
def _inverse_or_zero(x, y, z):
    """1 / |v|, zero for tiny triangles that have no direction."""
    square = x * x + y * y + z * z
    return 1 / math.sqrt(square) if square > 1e-16 else 0.0
