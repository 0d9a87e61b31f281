"""Color of every pixel: the seen surfaces, lit.

Neighboring samples of a pixel that see the same smooth surface share one evaluation, at the first of them; hairs are
evaluated one by one. So edges are as smooth as the supersampling says and the rest costs one evaluation a pixel.
"""
# mypy: disallow-untyped-defs=false

import math
from typing import NamedTuple

import numpy as np

from megactor.synth import lighting, materials
from megactor.synth.jit import kernel
from megactor.synth.subject import Material

SCALP, COLLAR, HAT, TONGUE = range(4)
"""Columns of `Mesh.fields`."""

_SAME_SURFACE = 0.4
"""Samples of one material whose distances differ by less than this (rig units) share one evaluation."""
_SAME_STRAND = 2
"""So do samples of hair whose triangles are no further apart in the list: one quad or the next of a ribbon."""

_SKIN, _HEAD, _MOUTH, _SOCKET = int(Material.SKIN), int(Material.HEAD), int(Material.MOUTH), int(Material.SOCKET)
_GUM, _TEETH, _EYE, _LASH = int(Material.GUM), int(Material.TEETH), int(Material.EYE), int(Material.LASH)
_HAIR, _CLOTH, _FRAME, _TONGUE = int(Material.HAIR), int(Material.CLOTH), int(Material.FRAME), int(Material.TONGUE)


class Mesh(NamedTuple):
    """A posed subject as the shader takes it: V vertices (B of the bust), T triangles, U uvs.

    screen: (V, 3) float32 sample x, y and distance.
    positions, normals, colors, canonical: (V, 3) float32.
    fields: (V, 4) float32, distances to hairline, collar and hat rim (`regions`), and the bust's `tongue`.
    tangents: (V - B, 3) float32.
    triangles, uv_triangles: (T, 3) int32.
    uvs: (U, 2) float32.
    materials: (T,) uint8.
    """

    screen: np.ndarray
    positions: np.ndarray
    normals: np.ndarray
    colors: np.ndarray
    canonical: np.ndarray
    fields: np.ndarray
    tangents: np.ndarray
    triangles: np.ndarray
    uv_triangles: np.ndarray
    uvs: np.ndarray
    materials: np.ndarray


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
    shaded_depth, shaded = np.empty(samples, np.float32), np.empty((samples, 7), np.float32)
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
                        else abs(shaded_depth[k] - distance) < _SAME_SURFACE
                    ):
                        found = k
                        break
                if found < 0:
                    found = count
                    count += 1
                    shaded_id[found], shaded_material[found], shaded_depth[found] = t, material, distance
                    _shade_sample(mesh, look, light, camera, t, column + 0.5, row + 0.5, shaded[found])
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


@kernel
def _display(value, curve):
    """`curve` holds the display value over the square root of linear light from 0 to 4."""
    x = math.sqrt(min(max(value, 0.0), 3.999)) * (0.5 * (curve.shape[0] - 1))
    k = int(x)
    return curve[k] + (x - k) * (curve[k + 1] - curve[k])


@kernel
def _blend(values, a, b, c, u, v, w, axis):
    return u * values[a, axis] + v * values[b, axis] + w * values[c, axis]


@kernel
def _shade_sample(mesh, look, light, camera, t, px, py, out):
    """Writes linear RGB, unit normal and material of triangle `t` at a sample to `out` (7,)."""
    a, b, c = mesh.triangles[t, 0], mesh.triangles[t, 1], mesh.triangles[t, 2]
    u, v, w = _perspective_weights(mesh.screen, a, b, c, px, py)
    x, y, z = (
        _blend(mesh.positions, a, b, c, u, v, w, 0),
        _blend(mesh.positions, a, b, c, u, v, w, 1),
        _blend(mesh.positions, a, b, c, u, v, w, 2),
    )
    nx, ny, nz = (
        _blend(mesh.normals, a, b, c, u, v, w, 0),
        _blend(mesh.normals, a, b, c, u, v, w, 1),
        _blend(mesh.normals, a, b, c, u, v, w, 2),
    )
    qx, qy, qz = (
        _blend(mesh.canonical, a, b, c, u, v, w, 0),
        _blend(mesh.canonical, a, b, c, u, v, w, 1),
        _blend(mesh.canonical, a, b, c, u, v, w, 2),
    )
    red, green, blue = (
        _blend(mesh.colors, a, b, c, u, v, w, 0),
        _blend(mesh.colors, a, b, c, u, v, w, 1),
        _blend(mesh.colors, a, b, c, u, v, w, 2),
    )
    scale = lighting.inverse_length(nx, ny, nz)
    nx, ny, nz = nx * scale, ny * scale, nz * scale
    vx, vy, vz = camera[0] - x, camera[1] - y, camera[2] - z
    distance = math.sqrt(vx * vx + vy * vy + vz * vz)
    vx, vy, vz = vx / distance, vy / distance, vz / distance
    along_axis = u * mesh.screen[a, 2] + v * mesh.screen[b, 2] + w * mesh.screen[c, 2]
    openness = lighting.openness_at(light, px, py, along_axis)
    material = int(mesh.materials[t])
    gloss, roughness, scattering, reach = 0.0, 0.5, 0.0, 1.0

    if material in (_SKIN, _HEAD):
        gloss, roughness, scattering = look.specular, look.roughness, look.scattering
        if material == _SKIN:
            ua, ub, uc = mesh.uv_triangles[t, 0], mesh.uv_triangles[t, 1], mesh.uv_triangles[t, 2]
            tu, tv = _blend(mesh.uvs, ua, ub, uc, u, v, w, 0), _blend(mesh.uvs, ua, ub, uc, u, v, w, 1)
            fr, fg, fb, shine, slope_u, slope_v = materials.skin_texture(look.texture, tu, tv)
            red, green, blue, gloss = red * fr, green * fg, blue * fb, gloss * shine
            nx, ny, nz = _relief(mesh, a, b, c, ua, ub, uc, slope_u, slope_v, nx, ny, nz)
        if _blend(mesh.fields, a, b, c, u, v, w, HAT) > 0:
            red, green, blue = materials.knitwear(look.hat_color, qx, qy, qz)
            gloss, roughness, scattering, material = 0.02, 0.8, 0.0, _CLOTH
        elif _blend(mesh.fields, a, b, c, u, v, w, COLLAR) > 0:
            material = _CLOTH
            red, green, blue, fold = materials.cloth(look, _blend(mesh.fields, a, b, c, u, v, w, COLLAR), qx, qy, qz)
            gloss, roughness, scattering = 0.015, 0.75, 0.0
            nx += fold
        else:
            cover, shade_ = materials.scalp_cover(look, _blend(mesh.fields, a, b, c, u, v, w, SCALP), qx, qy, qz)
            if cover > 0:
                hair = look.hair_color
                red += cover * (hair[0] * shade_ - red)
                green += cover * (hair[1] * shade_ - green)
                blue += cover * (hair[2] * shade_ - blue)
                gloss *= 1 - 0.6 * cover
    elif material == _CLOTH:
        red, green, blue, fold = materials.cloth(look, _blend(mesh.fields, a, b, c, u, v, w, COLLAR), qx, qy, qz)
        gloss, roughness = 0.015, 0.75
        nx += fold
    elif material == _EYE:
        red, green, blue, reach = materials.eyeball(look, 0 if qx > 0 else 1, x, y, z, openness)
        gloss, roughness, scattering = 1.0, 0.10, 0.15
    elif material == _TEETH:
        red, green, blue = 0.70 * look.teeth, 0.64 * look.teeth, 0.52 * look.teeth
        gloss, roughness, scattering = 1.0, 0.25, 0.3
        reach = materials.depth_in_mouth(qz, 5.8, 10.4, 3)
        if abs(qx) > 1.8:
            reach *= 0.8
    elif material == _GUM:
        red, green, blue, gloss, roughness, scattering = 0.42, 0.13, 0.12, 0.7, 0.35, 0.4
        reach = materials.depth_in_mouth(qz, 4.0, 10.5, 2)
    elif material == _TONGUE:
        grain = 0.85 + 0.3 * materials.solid_noise(qx * 5, qy * 5, qz * 5)
        red, green, blue, gloss, roughness, scattering = 0.50 * grain, 0.20, 0.19, 0.7, 0.35, 0.4
        out_now = look.tongue_out * _blend(mesh.fields, a, b, c, u, v, w, TONGUE)
        reach = max(materials.depth_in_mouth(qz, 4.0, 10.5, 2), out_now)
    elif material == _MOUTH:
        red, green, blue, gloss, scattering = 0.30, 0.08, 0.07, 0.2, 0.2
        reach = 0.7 * materials.depth_in_mouth(qz, 6.5, 11.0, 2)
    elif material == _SOCKET:
        green, blue, gloss, roughness, scattering, reach = 0.66 * green, 0.63 * blue, 0.8, 0.3, 0.5, 0.6
    elif material == _LASH:
        red, green, blue = 0.012, 0.009, 0.008
    elif material == _FRAME:
        gloss, roughness = 1.2, 0.25
    scale = lighting.inverse_length(nx, ny, nz)
    nx, ny, nz = nx * scale, ny * scale, nz * scale
    out[3], out[4], out[5], out[6] = nx, ny, nz, material
    if material == _HAIR:
        bust = mesh.positions.shape[0] - mesh.tangents.shape[0]
        tx, ty, tz = (
            _blend(mesh.tangents, a - bust, b - bust, c - bust, u, v, w, 0),
            _blend(mesh.tangents, a - bust, b - bust, c - bust, u, v, w, 1),
            _blend(mesh.tangents, a - bust, b - bust, c - bust, u, v, w, 2),
        )
        _light_hair(light, openness, x, y, z, nx, ny, nz, vx, vy, vz, tx, ty, tz, red, green, blue, out)
    else:
        _light_surface(
            light,
            material,
            openness,
            reach,
            (x, y, z),
            (nx, ny, nz),
            (vx, vy, vz),
            (red, green, blue),
            gloss,
            roughness,
            scattering,
            out,
        )


@kernel
def _perspective_weights(screen, a, b, c, px, py):
    """Barycentric weights on the surface of a point in the picture, clamped into the triangle."""
    ax, ay, bx, by = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1]
    cx, cy = screen[c, 0], screen[c, 1]
    area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
    u = ((cx - bx) * (py - by) - (cy - by) * (px - bx)) / area
    v = ((ax - cx) * (py - cy) - (ay - cy) * (px - cx)) / area
    u, v, w = min(max(u, 0.0), 1.0), min(max(v, 0.0), 1.0), min(max(1 - u - v, 0.0), 1.0)
    u, v, w = u / screen[a, 2], v / screen[b, 2], w / screen[c, 2]
    total = u + v + w
    return u / total, v / total, w / total


@kernel
def _relief(mesh, a, b, c, ua, ub, uc, slope_u, slope_v, nx, ny, nz):
    """Tilts a normal by the texture's slopes, along the directions in which u and v grow on this triangle."""
    uvs, p = mesh.uvs, mesh.positions
    du1, dv1 = uvs[ub, 0] - uvs[ua, 0], uvs[ub, 1] - uvs[ua, 1]
    du2, dv2 = uvs[uc, 0] - uvs[ua, 0], uvs[uc, 1] - uvs[ua, 1]
    turn = 1.0 if du1 * dv2 - du2 * dv1 > 0 else -1.0
    x1, y1, z1 = p[b, 0] - p[a, 0], p[b, 1] - p[a, 1], p[b, 2] - p[a, 2]
    x2, y2, z2 = p[c, 0] - p[a, 0], p[c, 1] - p[a, 1], p[c, 2] - p[a, 2]
    ux, uy, uz = x1 * dv2 - x2 * dv1, y1 * dv2 - y2 * dv1, z1 * dv2 - z2 * dv1
    wx, wy, wz = x2 * du1 - x1 * du2, y2 * du1 - y1 * du2, z2 * du1 - z1 * du2
    along_u = turn * slope_u * lighting.inverse_length(ux, uy, uz)
    along_v = -turn * slope_v * lighting.inverse_length(wx, wy, wz)  # rows run down, v runs up
    return nx - along_u * ux - along_v * wx, ny - along_u * uy - along_v * wy, nz - along_u * uz - along_v * wz


@kernel
def _light_surface(light, material, openness, reach, point, normal, view, color, gloss, roughness, scattering, out):
    """Linear RGB of a surface that is not hair; `reach` is the part of the light that gets to it at all."""
    nx, ny, nz = normal
    vx, vy, vz = view
    open_part = openness * reach
    skin = material in (_SKIN, _HEAD)
    n_v = max(nx * vx + ny * vy + nz * vz, 0.05)
    # light that entered the skin elsewhere fills creases with red
    bleed = 0.2 * scattering * open_part * (1 - open_part)
    red = lighting.ambient_light(light.ambient, 0, nx, ny, nz) * (open_part + bleed)
    green = lighting.ambient_light(light.ambient, 1, nx, ny, nz) * open_part
    blue = lighting.ambient_light(light.ambient, 2, nx, ny, nz) * open_part
    mirrored_red, mirrored_green, mirrored_blue = 0.0, 0.0, 0.0
    for k in range(light.lamps.shape[0]):
        lx, ly, lz = light.lamps[k, 0], light.lamps[k, 1], light.lamps[k, 2]
        n_l = nx * lx + ny * ly + nz * lz
        if n_l < -0.35:
            continue
        lit = 1.0
        if k == 0:
            lit = lighting.lit_part(light, point[0], point[1], point[2], 0.35 + 0.25 * (1 - max(n_l, 0.0)))
            if material == _EYE:  # lids throw softer shadows than the map's texels
                lit = 0.35 + 0.65 * lit
        crease = reach * math.sqrt(openness)
        soft = lit + 0.45 * scattering * (math.sqrt(lit) - lit)
        red += light.lamps[k, 3] * crease * soft * lighting.wrapped(n_l, 0.35 * scattering)
        green += light.lamps[k, 4] * crease * lit * lighting.wrapped(n_l, 0.12 * scattering)
        blue += light.lamps[k, 5] * crease * lit * lighting.wrapped(n_l, 0.07 * scattering)
        if gloss > 0 and n_l > 0 and lit > 0:
            hx, hy, hz = lx + vx, ly + vy, lz + vz
            scale = lighting.inverse_length(hx, hy, hz)
            n_h, v_h = (nx * hx + ny * hy + nz * hz) * scale, max(0.0, (vx * hx + vy * hy + vz * hz) * scale)
            if n_h > 0:
                shine = lighting.specular(n_l, n_v, n_h, v_h, roughness, 0.04)
                if skin:  # a thin oily film over the rougher skin
                    shine = 0.8 * shine + 0.2 * lighting.specular(n_l, n_v, n_h, v_h, 0.6 * roughness, 0.04)
                shine = min(shine * gloss, 1.2) * lit * open_part
                mirrored_red += light.lamps[k, 3] * shine
                mirrored_green += light.lamps[k, 4] * shine
                mirrored_blue += light.lamps[k, 5] * shine
    if material == _EYE:  # a bright ceiling mirrored in the cornea
        ceiling = 0.05 * reach * max(0.0, 2 * n_v * ny - vy - 0.1)
        mirrored_red, mirrored_green, mirrored_blue = (
            mirrored_red + ceiling,
            mirrored_green + ceiling,
            mirrored_blue + ceiling,
        )
    elif skin:  # down and dead cells catch the light at grazing angles
        grazing = (1 - n_v) * (1 - n_v)
        grazing = 0.10 * open_part * scattering * grazing * grazing
        mirrored_red, mirrored_green, mirrored_blue = (
            mirrored_red + grazing * red,
            mirrored_green + grazing * green,
            mirrored_blue + grazing * blue,
        )
    out[0] = color[0] * red + mirrored_red
    out[1] = color[1] * green + mirrored_green
    out[2] = color[2] * blue + mirrored_blue


@kernel
def _light_hair(light, openness, x, y, z, nx, ny, nz, vx, vy, vz, tx, ty, tz, red, green, blue, out):
    """Linear RGB of a strand with direction t."""
    scale = lighting.inverse_length(tx, ty, tz)
    tx, ty, tz = tx * scale, ty * scale, tz * scale
    diffuse_red = lighting.ambient_light(light.ambient, 0, nx, ny, nz) * openness
    diffuse_green = lighting.ambient_light(light.ambient, 1, nx, ny, nz) * openness
    diffuse_blue = lighting.ambient_light(light.ambient, 2, nx, ny, nz) * openness
    mirrored_red, mirrored_green, mirrored_blue = 0.0, 0.0, 0.0
    # neighboring strands differ in their color, which stands in for their differing tilt
    jitter = 0.12 * (red * 37 - math.floor(red * 37) - 0.5)
    for k in range(light.lamps.shape[0]):
        lx, ly, lz = light.lamps[k, 0], light.lamps[k, 1], light.lamps[k, 2]
        n_l = nx * lx + ny * ly + nz * lz
        if n_l < -0.5:
            continue
        lit = lighting.lit_part(light, x, y, z, 0.9) if k == 0 else 1.0
        t_l = tx * lx + ty * ly + tz * lz
        diffuse = math.sqrt(max(0.0, 1 - t_l * t_l)) * min(1.0, (n_l + 0.5) / 1.5) * lit
        diffuse_red += light.lamps[k, 3] * diffuse
        diffuse_green += light.lamps[k, 4] * diffuse
        diffuse_blue += light.lamps[k, 5] * diffuse
        towards = 0.9 * max(0.0, n_l + 0.15) * lit * openness
        if towards > 0:
            hx, hy, hz = lx + vx, ly + vy, lz + vz
            t_h = (tx * hx + ty * hy + tz * hz) * lighting.inverse_length(hx, hy, hz) + jitter
            mirrored_red += light.lamps[k, 3] * towards * lighting.strand_specular(t_h, red)
            mirrored_green += light.lamps[k, 4] * towards * lighting.strand_specular(t_h, green)
            mirrored_blue += light.lamps[k, 5] * towards * lighting.strand_specular(t_h, blue)
    out[0] = red * diffuse_red + mirrored_red
    out[1] = green * diffuse_green + mirrored_green
    out[2] = blue * diffuse_blue + mirrored_blue
